"""What the documents say is there: files, headings, commands and keys. Whether it is right, the tests of these say."""

import os
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROAMD = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug/roamd"
# Not what is built or fetched.
DOCUMENTS = sorted(path for folder in (".", ".github", "deploy", "src", "tests") for path in REPOSITORY.glob(
    f"{folder}/*.md" if folder.startswith(".") else f"{folder}/**/*.md") if "target" not in path.relative_to(REPOSITORY).parts)
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# `[text](target)`, but not in code.
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(document, language):
    """The blocks of a language, without their indentation."""
    return [re.sub(f"^{indent}", "", code, flags=re.MULTILINE)
            for indent, of, code in FENCED.findall(document.read_text()) if of == language]


def prose(document):
    """What is not in blocks of code."""
    return FENCED.sub("", document.read_text())


def anchors(document):
    """The headings of a document, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def inside(document):
    """The commands in blocks of a shell's and in the text that begin with roamd's name, as lists of words."""
    said = [line for code in blocks(document, "sh") + blocks(document, "console") for line in code.splitlines()]
    said += re.findall(r"`([^`\n]+)`", prose(document))
    for line in said:
        for command in re.findall(r"(?:^|[\s;&|(])(roamd(?:-relay)? [^;&|#()]*)", line):
            yield command.split()


def test_there_are_documents_for_each_reader():
    names = {str(path.relative_to(REPOSITORY)) for path in DOCUMENTS}
    assert {"README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", "tests/bench/README.md"} <= names


@EACH
def test_each_row_of_a_table_has_as_many_cells_as_its_head(document):
    wrong, head = [], None
    for line in prose(document).splitlines():
        # Behind a backslash a bar divides nothing; in code it does.
        cells = line.strip().replace("\\|", "").count("|") if line.lstrip().startswith("|") else None
        if cells is not None and head not in (None, cells):
            wrong.append(line)
        head = None if cells is None else head or cells
    assert wrong == []


@EACH
def test_what_is_linked_to_is_there(document):
    wrong = []
    for target in LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (document.parent / path).resolve() if path else document
        if not to.exists() or REPOSITORY not in (to, *to.parents):
            wrong.append(target)
        elif anchor and anchor not in anchors(to):
            wrong.append(f"{target}: no such heading")
    assert wrong == []


@EACH
def test_no_link_leads_to_a_web_page_without_encryption(document):
    assert re.findall(r"\]\(http:[^)]*\)", prose(document)) == []


@EACH
def test_blocks_of_a_shell_can_be_read_by_one(document):
    for code in blocks(document, "sh"):
        read = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
        assert read.returncode == 0, f"{code}\n{read.stderr}"


@EACH
def test_blocks_of_yaml_are_configurations_of_roamd(document, tmp_path):
    (tmp_path / "vms.d").mkdir()
    for code in blocks(document, "yaml"):
        file = tmp_path / "config.yaml"
        file.write_text(code if re.search(r"^bgp:", code, re.MULTILINE) else f"bgp: {{local_as: 65101}}\n{code}")
        checked = subprocess.run([ROAMD, "check", "--config", file], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{code}\n{checked.stdout}{checked.stderr}"


@EACH
def test_the_commands_that_are_named_and_their_options_exist(document):
    help_of = {}
    wrong = []
    for program, *words in inside(document):
        verb = words[0] if program == "roamd" else None
        if verb and not re.fullmatch(r"[a-z]+", verb):
            continue
        if (program, verb) not in help_of:
            asked = [ROAMD.with_name(program), *([verb] if verb else []), "--help"]
            help_of[program, verb] = subprocess.run(asked, capture_output=True, text=True, check=False)
        about = help_of[program, verb]
        if about.returncode != 0:
            wrong.append(f"{program} {verb}")
        wrong += [f"{program} {verb} {word}" for word in words if word.startswith("--") and not re.search(
            rf"{re.escape(re.match(r'--[a-z-]*', word)[0])}\b", about.stdout)]
    assert wrong == []

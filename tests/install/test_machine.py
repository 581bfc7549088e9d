"""The machines themselves: a test that finds a service failed must know that it was not so before."""


def test_a_host_boots_and_nothing_failed(host):
    assert host.failed() == []
    assert host.unit("libvirtd.socket", "ActiveState") == {"ActiveState": "active"}


def test_what_a_machine_does_stays_in_it(host, host_base):
    host.shell("echo changed >/etc/hostname; rm /etc/hosts")
    assert (host_base / "etc/hostname").read_text(encoding="ascii") == "host\n"
    assert (host_base / "etc/hosts").exists()
    files = host.files()
    assert "/etc/hostname" in files and "/etc/hosts" not in files

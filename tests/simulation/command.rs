//! ExaBGP's commands, as far as its API process writes them, and the routes in them.

/// A route as it was told: its next hop, and everything behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) next_hop: String,
    pub(crate) attributes: String,
}

impl Told {
    fn word_after(&self, name: &str) -> Option<u32> {
        let mut words = self.attributes.split(' ').skip_while(|word| *word != name);
        words.nth(1)?.parse().ok()
    }

    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let words = self.attributes.split(' ').skip_while(move |word| *word != name).skip(2);
        words.take_while(|word| *word != "]")
    }

    pub(crate) fn med(&self) -> u32 {
        self.word_after("med").unwrap_or(0)
    }

    /// Numbers in the AS path on an eBGP session: a given path is taken as it is.
    pub(crate) fn path_length(&self) -> u32 {
        u32::try_from(self.list("as-path").count().max(1)).unwrap()
    }

    /// The third number of the large community with this mark.
    pub(crate) fn rung(&self, mark: &str) -> Option<u32> {
        self.list("large-community").find_map(|word| {
            let (before, rung) = word.rsplit_once(':')?;
            let (_, middle) = before.rsplit_once(':')?;
            if middle == mark { rung.parse().ok() } else { None }
        })
    }
}

/// One command of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Announce(String, Told),
    /// With the attributes that it named.
    Withdraw(String, Option<Told>),
    EndOfRib(bool),
    Summary,
    Configuration,
    Table,
    /// For another neighbor than it has.
    Nobody,
}

impl Command {
    /// The command in a line; `None`: it is unknown.
    pub(crate) fn parse(line: &str, peer: &str) -> Option<Self> {
        match line {
            "show neighbor summary" => return Some(Self::Summary),
            "show neighbor configuration" => return Some(Self::Configuration),
            "show adj-rib out extensive" => return Some(Self::Table),
            _ => {}
        }
        let mut rest = line;
        let mut named = Vec::new();
        while let Some(after) = rest.strip_prefix("neighbor ") {
            let (address, after) = after.split_once(' ')?;
            named.push(address.trim_end_matches(','));
            rest = after;
        }
        if !named.is_empty() && !named.contains(&peer) {
            return Some(Self::Nobody);
        }
        if let Some(family) = rest.strip_prefix("announce eor ") {
            return Some(Self::EndOfRib(family == "ipv6 unicast"));
        }
        let (verb, rest) = rest.split_once(" route ")?;
        let (prefix, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let told = rest.strip_prefix("next-hop ").map(|rest| {
            let (next_hop, attributes) = rest.split_once(' ').unwrap_or((rest, ""));
            Told { next_hop: next_hop.to_owned(), attributes: attributes.to_owned() }
        });
        match (verb, told) {
            ("announce", Some(told)) => Some(Self::Announce(prefix.to_owned(), told)),
            ("withdraw", told) => Some(Self::Withdraw(prefix.to_owned(), told)),
            _ => None,
        }
    }
}

impl Command {
    /// The same about another prefix, if it is a withdraw.
    pub(crate) fn about(self, prefix: &str) -> Self {
        match self {
            Self::Withdraw(_, told) => Self::Withdraw(prefix.to_owned(), told),
            other => other,
        }
    }
}

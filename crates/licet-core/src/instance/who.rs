//! The requester of a session, in little room.

use std::sync::Arc;

use crate::access_request::Requester;

/// A [`Requester`]; few sessions share theirs.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// One without a dictionary: its kind and its value behind it, in one piece. Both are empty
    /// for a session that has no requester.
    Plain {
        text: Box<str>,
        kind_bytes: u32,
    },
    Other(Arc<Requester>),
}

impl Who {
    pub(super) fn is_somebody(&self) -> bool {
        match self {
            Self::Plain { text, .. } => !text.is_empty(),
            Self::Other(_) => true,
        }
    }

    pub(super) fn requester(&self) -> Arc<Requester> {
        match self {
            Self::Plain { text, kind_bytes } => {
                let (kind, value) = text.split_at(*kind_bytes as usize);
                let (kind, value) = (kind.into(), value.into());
                Arc::new(Requester { kind, value, ..Requester::default() })
            }
            Self::Other(requester) => requester.clone(),
        }
    }
}

impl From<Arc<Requester>> for Who {
    fn from(requester: Arc<Requester>) -> Self {
        let Requester { kind, value, dictionary } = &*requester;
        match u32::try_from(kind.len()) {
            Ok(kind_bytes) if dictionary.is_empty() => {
                Self::Plain { text: [&**kind, value].concat().into(), kind_bytes }
            }
            _ => Self::Other(requester),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Dictionary;

    fn requester(kind: &str, value: &str) -> Requester {
        Requester { kind: kind.into(), value: value.into(), ..Requester::default() }
    }

    fn there_and_back(requester: Requester) -> Requester {
        (*Who::from(Arc::new(requester)).requester()).clone()
    }

    #[test]
    fn a_requester_comes_out_as_it_was_put_in() {
        let dictionary = Dictionary::from([("team".into(), vec!["red".into()])]);
        let with_dictionary = Requester { dictionary, ..requester("user", "ada") };
        for requester in [
            requester("", ""),
            requester("user", ""),
            requester("", "ada"),
            requester("größe", "ü"),
            with_dictionary,
        ] {
            assert_eq!(there_and_back(requester.clone()), requester);
        }
    }

    #[test]
    fn nobody_takes_no_memory_of_its_own() {
        let nobody = Who::from(Arc::<Requester>::default());
        assert!(!nobody.is_somebody());
        assert!(Who::from(Arc::new(requester("", "ada"))).is_somebody());
        assert!(size_of::<Who>() <= 24);
    }
}

use sha2::{Digest as _, Sha256};

/// SHA-256 of credentials; what caches and the store know instead of the secret.
pub(crate) type Digest = [u8; 32];

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// SHA-256 of two texts one after the other; `first` is always of the same length, so it is clear
/// where it ends.
pub(super) fn sha256_of_both<const N: usize>(first: &[u8; N], second: &[u8]) -> Digest {
    Sha256::new_with_prefix(first).chain_update(second).finalize().into()
}

/// SHA-256 that nobody outside this process can compute: for secrets that people choose, whose
/// plain hash could be guessed from a dump of the memory.
#[derive(Clone)]
pub(super) struct KeyedHash {
    key: [u8; 64],
}

impl KeyedHash {
    pub(super) fn new(key: [u8; 64]) -> Self {
        Self { key }
    }

    /// The key fills a whole block of the hash, so that it stands apart from the text.
    pub(super) fn hash(&self, text: &[u8]) -> Digest {
        Sha256::new_with_prefix(self.key).chain_update(text).finalize().into()
    }
}

impl std::fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyedHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyed_hashes_depend_on_the_key() {
        let (one, two) = (KeyedHash::new([1; 64]), KeyedHash::new([2; 64]));
        assert_eq!(one.hash(b"x"), one.hash(b"x"));
        assert_ne!(one.hash(b"x"), two.hash(b"x"));
        assert_ne!(one.hash(b"x"), one.hash(b"y"));
    }
}

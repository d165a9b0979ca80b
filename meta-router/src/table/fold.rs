//! Strings as keys that do not care for ASCII case.

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

/// A borrowed string that equals all others but for ASCII case.
#[derive(Clone, Copy)]
pub(super) struct Fold<'a>(pub(super) &'a str);

/// The same, owned: a key that a [`Fold`] finds.
pub(super) struct Folded(Box<str>);

impl From<Fold<'_>> for Folded {
    fn from(text: Fold<'_>) -> Self {
        Self(text.0.into())
    }
}

impl Hash for Fold<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The bit that tells upper from lower case is set in every byte. Some bytes
        // that are no letters fall together too, which a hash may do.
        const CASE: u64 = u64::from_ne_bytes([0x20; 8]);
        let (words, tail) = self.0.as_bytes().as_chunks::<8>();
        for word in words {
            state.write_u64(u64::from_ne_bytes(*word) | CASE);
        }
        let mut last = [0; 8];
        last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        state.write_u64(u64::from_ne_bytes(last) | CASE);
        state.write_usize(self.0.len());
    }
}

impl PartialEq for Fold<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Fold<'_> {}

impl Hash for Folded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Fold(&self.0).hash(state);
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        Fold(&self.0) == Fold(&other.0)
    }
}

impl Eq for Folded {}

impl Equivalent<Folded> for Fold<'_> {
    fn equivalent(&self, key: &Folded) -> bool {
        *self == Fold(&key.0)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn equal_but_for_case_hashes_alike() {
        let hasher = hashbrown::DefaultHashBuilder::default();
        for (a, b) in [
            ("", ""),
            ("a", "A"),
            ("com.example.Greeter", "COM.EXAMPLE.GREETER"),
            ("exactly8", "Exactly8"),
            ("Grüße", "gRüßE"),
        ] {
            assert!(Fold(a) == Fold(b));
            assert_eq!(hasher.hash_one(Fold(a)), hasher.hash_one(Fold(b)));
            assert_eq!(hasher.hash_one(Fold(a)), hasher.hash_one(Folded(b.into())));
        }
        for (a, b) in [("a", "b"), ("@", "`"), ("ü", "Ü"), ("a", "a\0")] {
            assert!(Fold(a) != Fold(b));
        }
    }
}

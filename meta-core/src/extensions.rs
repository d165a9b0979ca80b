//! Values that layers hand each other, by type.

use std::{
    any::{Any, TypeId},
    fmt,
};

type Entry = (TypeId, Box<dyn Any + Send + Sync>);

/// One value of each type, for what the types of this crate do not foresee.
///
/// One word wide, and nothing is allocated until something is put in.
#[derive(Default)]
#[expect(
    clippy::box_collection,
    reason = "one word in every request beats three"
)]
pub struct Extensions(Option<Box<Vec<Entry>>>);

impl Extensions {
    /// No values.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Puts `value` in; returns the value of that type that was there.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) -> Option<T> {
        let previous = self.remove::<T>();
        let entries = self.0.get_or_insert_default();
        entries.push((TypeId::of::<T>(), Box::new(value)));
        previous
    }

    /// The value of type `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        let entries = self.0.as_ref()?;
        let (_, value) = entries.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        value.downcast_ref()
    }

    /// The value of type `T`, to change it.
    pub fn get_mut<T: Any + Send + Sync>(&mut self) -> Option<&mut T> {
        let entries = self.0.as_mut()?;
        let (_, value) = entries
            .iter_mut()
            .find(|(id, _)| *id == TypeId::of::<T>())?;
        value.downcast_mut()
    }

    /// Takes the value of type `T` out.
    pub fn remove<T: Any + Send + Sync>(&mut self) -> Option<T> {
        let entries = self.0.as_mut()?;
        let at = entries
            .iter()
            .position(|(id, _)| *id == TypeId::of::<T>())?;
        let (_, value) = entries.swap_remove(at);
        value.downcast().ok().map(|value| *value)
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |entries| entries.len());
        write!(f, "Extensions({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_each_type() {
        let mut extensions = Extensions::new();
        assert_eq!(extensions.insert(1u8), None);
        assert_eq!(extensions.insert("text"), None);
        assert_eq!(extensions.insert(2u8), Some(1));
        *extensions.get_mut::<u8>().expect("is there") += 1;
        assert_eq!(extensions.get::<u8>(), Some(&3));
        assert_eq!(extensions.remove::<u8>(), Some(3));
        assert_eq!(extensions.get::<u8>(), None);
        assert_eq!(extensions.get::<&str>(), Some(&"text"));
    }
}

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod alloc;
mod driven;
mod failure;
mod fuzz;
mod kit;
mod rule;
mod rules;
mod sample;
mod seen;
pub mod toy;

// The public interface is:
pub use crate::{
    failure::{Failure, Method},
    fuzz::fuzz,
    kit::Kit,
    rule::Rule,
    sample::{Hostile, LengthField, Sample},
};

/// Makes a test of each rule, out of a function that returns a [`Kit`].
///
/// For an integration test of its own (`tests/conformance.rs`): it sets the
/// program's allocator to one that counts ([`alloc::Counting`]). Of several kits
/// in one file, the first is given as `conformance!(kit)`, further ones inside
/// of modules as `conformance!(kit, tests only)`.
#[macro_export]
macro_rules! conformance {
    ($kit:path) => {
        #[global_allocator]
        static ALLOCATOR: $crate::alloc::Counting = $crate::alloc::Counting;

        $crate::conformance!($kit, tests only);
    };
    ($kit:path, tests only) => {
        $crate::conformance! {
            @ $kit,
            rule_01_splits Splits,
            rule_01_any_pieces AnyPieces,
            rule_02_sequence Sequence,
            rule_03_short_lengths ShortLengths,
            rule_04_hostile Hostile,
            rule_05_limit Limit,
            rule_06_large_message LargeMessage,
            rule_07_bombs Bombs,
            rule_08_garbage Garbage,
            rule_08_any_bytes AnyBytes,
            rule_09_reading Reading,
            rule_10_control Control,
            rule_11_memory Memory,
            rule_12_untouched Untouched,
            rule_12_mutation Mutation,
            rule_13_local_errors LocalErrors,
        }
    };
    (@ $kit:path, $($test:ident $rule:ident,)*) => {
        $(
            #[test]
            fn $test() {
                $kit().assert($crate::Rule::$rule);
            }
        )*
    };
}

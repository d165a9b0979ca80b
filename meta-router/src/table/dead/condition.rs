//! Conditions as sets of values: which lie within others, and which have nothing in
//! common.
//!
//! All answers are one-sided: `true` is certain, `false` means that nothing is known.

use meta_core::{MetadataMatcher, Rule};

/// The values that fulfil a condition.
#[derive(Clone, Copy)]
pub(super) struct Values<'a>(pub(super) &'a MetadataMatcher);

/// The texts that fulfil a rule.
#[derive(Clone, Copy)]
enum Texts<'a> {
    All,
    None,
    /// Those that the rule holds of.
    Of(Plain<'a>),
    /// Those that it does not hold of.
    Not(Plain<'a>),
}

/// The rule of a matcher, inverted or not; it is not about presence.
#[derive(Clone, Copy)]
struct Plain<'a> {
    matcher: &'a MetadataMatcher,
    /// Whether letters are compared without regard to their case.
    fold: bool,
}

/// Conditions that exclude each other, of those on one attribute; by their places,
/// ascending.
pub(super) fn contradiction(conditions: &[(usize, Values<'_>)]) -> Option<Vec<usize>> {
    // Somebody must refuse that it is missing, and others all texts.
    let refuse_missing = |(_, values): &&(usize, Values<'_>)| !values.holds_missing();
    let denier = conditions.iter().find(refuse_missing)?;
    let mut alone = conditions.iter();
    if let Some((at, _)) = alone.find(|(_, values)| values.texts().are_none()) {
        return Some(places(&[*at], conditions, denier.0));
    }
    for (at, (first, one)) in conditions.iter().enumerate() {
        let mut others = conditions.iter().skip(at + 1);
        if let Some((second, _)) = others.find(|(_, other)| one.texts().exclude(other.texts())) {
            return Some(places(&[*first, *second], conditions, denier.0));
        }
    }
    None
}

/// `found`, and `denier` unless one of them refuses a missing attribute itself.
fn places(found: &[usize], conditions: &[(usize, Values<'_>)], denier: usize) -> Vec<usize> {
    let mut places = found.to_vec();
    let mut own = conditions.iter().filter(|(at, _)| found.contains(at));
    if own.all(|(_, values)| values.holds_missing()) {
        places.push(denier);
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Whether all that fulfils the conditions `own`, on one attribute, is known to fulfil
/// `wanted`.
pub(super) fn imply(own: &[(usize, Values<'_>)], wanted: Values<'_>) -> bool {
    let may_be_missing = own.iter().all(|(_, values)| values.holds_missing());
    if may_be_missing && !wanted.holds_missing() {
        return false;
    }
    let texts = wanted.texts();
    texts.are_all() || own.iter().any(|(_, own)| own.texts().lie_within(texts))
}

impl<'a> Values<'a> {
    /// Whether a missing attribute fulfils it.
    pub(super) fn holds_missing(self) -> bool {
        self.0.matches_value(None)
    }

    /// The text, where no condition implies this one but those on the same text,
    /// whatever its case.
    pub(super) fn exact(self) -> Option<&'a str> {
        match &self.0.rule {
            Rule::Exact(text) if !self.0.invert && !self.holds_missing() => Some(text),
            _ => None,
        }
    }

    /// Whether it is known that everything fulfils it.
    pub(super) fn are_all(self) -> bool {
        self.holds_missing() && self.texts().are_all()
    }

    fn texts(self) -> Texts<'a> {
        let MetadataMatcher { rule, invert, .. } = self.0;
        let plain = Plain {
            matcher: self.0,
            fold: self.0.ignore_case && has_case(rule),
        };
        match (rule, invert) {
            (Rule::Present(present), invert) if present != invert => Texts::All,
            (Rule::Present(_), _) => Texts::None,
            (_, false) => Texts::Of(plain),
            (_, true) => Texts::Not(plain),
        }
    }
}

impl Texts<'_> {
    fn are_all(self) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Of(rule) => rule.holds_always(),
            Self::Not(rule) => rule.holds_never(),
        }
    }

    fn are_none(self) -> bool {
        self.inverted().are_all()
    }

    fn inverted(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Of(rule) => Self::Not(rule),
            Self::Not(rule) => Self::Of(rule),
        }
    }

    fn lie_within(self, other: Self) -> bool {
        self.exclude(other.inverted())
    }

    /// Whether no text is in both.
    fn exclude(self, other: Self) -> bool {
        match (self, other) {
            (one, other) if one.are_none() || other.are_none() => true,
            (Self::Of(one), Self::Of(other)) => one.excludes(other) || other.excludes(one),
            (Self::Of(one), Self::Not(other)) | (Self::Not(other), Self::Of(one)) => {
                one.implies(other)
            }
            _ => false,
        }
    }
}

impl<'a> Plain<'a> {
    fn rule(self) -> &'a Rule {
        &self.matcher.rule
    }

    fn holds(self, text: &str) -> bool {
        let matcher = self.matcher;
        if self.fold == (matcher.ignore_case && has_case(&matcher.rule)) {
            return matcher.matches_value(Some(text)) != matcher.invert;
        }
        let mut matcher = MetadataMatcher::new("", matcher.rule.clone());
        matcher.ignore_case = self.fold;
        matcher.matches_value(Some(text))
    }

    fn holds_always(self) -> bool {
        match self.rule() {
            Rule::Prefix(text) | Rule::Suffix(text) | Rule::Contains(text) => text.is_empty(),
            _ => false,
        }
    }

    fn holds_never(self) -> bool {
        matches!(self.rule(), Rule::Range(range) if range.is_empty())
    }

    /// Whether what holds of `text` tells of all that `self`, which is of that text,
    /// stands for: it may stand for its other cases, too.
    fn speaks_for(self, text: &str, other: Self) -> bool {
        !self.fold || !has_letters(text) || other.is_same_in_any_case()
    }

    /// Whether it holds of a text in whatever case, or in none.
    fn is_same_in_any_case(self) -> bool {
        match self.rule() {
            Rule::Exact(text) | Rule::Prefix(text) | Rule::Suffix(text) | Rule::Contains(text) => {
                self.fold || !has_letters(text)
            }
            // Numbers have no letters.
            Rule::Range(_) => true,
            _ => false,
        }
    }

    /// Whether `other` is known to hold of all texts that `self` holds of.
    fn implies(self, other: Self) -> bool {
        use Rule::{Contains, Exact, Prefix, Range, Regex, Suffix};
        if other.holds_always() || self.holds_never() {
            return true;
        }
        match (self.rule(), other.rule()) {
            // What holds of a beginning or an end holds of the whole.
            (Exact(text), _)
            | (Prefix(text), Prefix(_) | Contains(_))
            | (Suffix(text), Suffix(_) | Contains(_))
            | (Contains(text), Contains(_)) => self.speaks_for(text, other) && other.holds(text),
            (Range(own), Range(wanted)) => wanted.start <= own.start && own.end <= wanted.end,
            (Regex(own), Regex(wanted)) => own.as_str() == wanted.as_str(),
            _ => false,
        }
    }

    /// Whether there is known to be no text of which both hold; to be asked from both
    /// sides.
    fn excludes(self, other: Self) -> bool {
        use Rule::{Contains, Exact, Prefix, Range, Suffix};
        match (self.rule(), other.rule()) {
            (Exact(text), rule) => {
                // Of what has nothing in common whatever the case, this is true, too.
                let fold = other.fold || (self.fold && has_case(rule));
                let other = Self { fold, ..other };
                self.speaks_for(text, other) && !other.holds(text)
            }
            (Prefix(one), Prefix(two)) => {
                let mut bytes = one.bytes().zip(two.bytes());
                bytes.any(|(a, b)| self.differ(other, a, b))
            }
            (Suffix(one), Suffix(two)) => {
                let mut bytes = one.bytes().rev().zip(two.bytes().rev());
                bytes.any(|(a, b)| self.differ(other, a, b))
            }
            (Range(one), Range(two)) => one.end <= two.start || two.end <= one.start,
            (Range(_), Prefix(text) | Suffix(text) | Contains(text)) => {
                let may_be = |byte: u8| byte.is_ascii_digit() || b"+-".contains(&byte);
                !text.bytes().all(may_be)
            }
            _ => false,
        }
    }

    fn differ(self, other: Self, a: u8, b: u8) -> bool {
        match self.fold || other.fold {
            true => !a.eq_ignore_ascii_case(&b),
            false => a != b,
        }
    }
}

/// Whether a rule may be told to ignore the case of letters.
fn has_case(rule: &Rule) -> bool {
    use Rule::{Contains, Exact, Prefix, Suffix};
    matches!(rule, Exact(_) | Prefix(_) | Suffix(_) | Contains(_))
}

fn has_letters(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

//! Values.

/// A value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number of 32 bits.
    Int(i32),
    /// A number of 64 bits.
    Long(i64),
    /// A floating-point number.
    Double(f64),
    /// A point in time, in milliseconds since 1970.
    Date(i64),
    /// A string.
    String(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Vec<(Value, Value)>),
    /// An object of a class, with its fields.
    Object(String, Vec<(String, Value)>),
}

impl Value {
    /// The object of the class `name`.
    pub fn object(name: &str, fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let fields = fields.into_iter();
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        Self::Object(name.to_owned(), fields.collect())
    }

    /// The type of a parameter that takes it.
    pub(super) fn descriptor(&self) -> String {
        match self {
            Self::Null => "Ljava/lang/Object;".into(),
            Self::Bool(_) => "Z".into(),
            Self::Int(_) => "I".into(),
            Self::Long(_) => "J".into(),
            Self::Double(_) => "D".into(),
            Self::Date(_) => "Ljava/util/Date;".into(),
            Self::String(_) => "Ljava/lang/String;".into(),
            Self::Binary(_) => "[B".into(),
            Self::List(_) => "Ljava/util/List;".into(),
            Self::Map(_) => "Ljava/util/Map;".into(),
            Self::Object(class, _) => format!("L{};", class.replace('.', "/")),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Long(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

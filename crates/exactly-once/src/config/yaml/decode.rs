//! From a tree to types: a serde deserializer whose errors know place and path, and never quote a value that came
//! from a variable.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::node::{Entry, Node, Value};
use crate::config::problem::{Place, Problem};
use crate::config::spelling::suggestion;

/// Decodes a tree.
pub(crate) fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Problem> {
    T::deserialize(Decoder(node))
}

impl std::error::Error for Problem {}

impl Error for Problem {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field `{field}`")).with_remedy(suggestion(field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the field `{field}` is missing")).with_remedy(format!("add it: {field}: .."))
    }
}

#[derive(Clone, Copy)]
struct Decoder<'a>(&'a Node);

impl Decoder<'_> {
    fn mismatch(&self, expected: &str) -> Problem {
        Problem::new(format!("expected {expected}, found {}", self.0.value.kind()))
            .with_remedy(format!("write {expected} here"))
            .at(self.0.place)
    }

    fn integer<T: TryFrom<i128>>(
        &self,
        min: impl fmt::Display,
        max: impl fmt::Display,
    ) -> Result<T, Problem> {
        let number = match &self.0.value {
            Value::Integer(number) => Some(*number),
            Value::Text(text) if text.substituted => text.text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.mismatch("a whole number"))?;
        T::try_from(number).map_err(|_| {
            Problem::new(format!("out of range\nwrite a number from {min} to {max}")).at(self.0.place)
        })
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            visitor.$visit(self.integer(<$type>::MIN, <$type>::MAX)?).map_err(|p: Problem| p.at(self.0.place))
        })+
    };
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let result = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(number) => visitor.visit_i128(*number),
            Value::Float => Err(self.mismatch("a whole number")),
            Value::Text(text) => visitor.visit_str(&text.text),
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        };
        result.map_err(|p| p.at(self.0.place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let value = match &self.0.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) if text.substituted => text.text.trim().parse().ok(),
            _ => None,
        };
        visitor.visit_bool(value.ok_or_else(|| self.mismatch("`true` or `false`"))?)
    }

    integers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_str(&text.text).map_err(|p: Problem| p.at(self.0.place)),
            Value::Bool(_) | Value::Integer(_) | Value::Float => {
                Err(self.mismatch("text").with_remedy("put quotes around it"))
            }
            _ => Err(self.mismatch("text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::List(_) => self.deserialize_any(visitor),
            _ => Err(self.mismatch("a list").with_remedy("write a list: [\"a\", \"b\"]")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::Map(_) => self.deserialize_any(visitor),
            Value::Null => Err(self.mismatch("a mapping").with_remedy("write {} for the defaults")),
            _ => Err(self.mismatch("a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let choice = self.choose(variants)?;
        visitor.visit_enum(choice).map_err(|p| p.at(self.0.place))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

impl<'a> Decoder<'a> {
    /// The one variant that stands there: a name, or a mapping with one key.
    fn choose(&self, variants: &[&str]) -> Result<Choice<'a>, Problem> {
        let names = || variants.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(" or ");
        let (name, place, value, secret) = match &self.0.value {
            Value::Text(text) => (&text.text, self.0.place, None, text.substituted),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => (&entry.key, entry.key_place, Some(&entry.value), false),
                [] => return Err(Problem::new(format!("expected {}", names())).at(self.0.place)),
                [_, second, ..] => {
                    let keys =
                        entries.iter().map(|e| format!("`{}`", e.key)).collect::<Vec<_>>().join(" and ");
                    return Err(Problem::new(format!(
                        "exactly one of {} is expected, found {keys}",
                        names()
                    ))
                    .at(second.key_place)
                    .with_remedy("keep one of them"));
                }
            },
            _ => return Err(self.mismatch(&names())),
        };
        if variants.contains(&name.as_str()) {
            return Ok(Choice { name, place, value });
        }
        if secret {
            let problem = Problem::new("the value of the variable is unknown").at(place);
            return Err(problem.with_remedy(suggestion("", variants)));
        }
        Err(Problem::new(format!("unknown value `{name}`")).at(place).with_remedy(suggestion(name, variants)))
    }
}

struct Choice<'a> {
    name: &'a str,
    place: Place,
    value: Option<&'a Node>,
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Problem> {
        let name: StrDeserializer<'_, Problem> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl Choice<'_> {
    fn content(&self) -> Result<Decoder<'_>, Problem> {
        self.value.map(Decoder).ok_or_else(|| {
            Problem::new(format!("`{}` needs settings", self.name))
                .at(self.place)
                .with_remedy(format!("write it as a mapping: {{ {}: .. }}", self.name))
        })
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.value {
            None => Ok(()),
            Some(value) => Err(Problem::new(format!("`{}` takes no settings", self.name)).at(value.place)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Problem> {
        let content = self.content()?;
        seed.deserialize(content).map_err(|p| p.at(content.0.place).inside(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.content()?.deserialize_seq(visitor).map_err(|p| p.inside(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.content()?.deserialize_map(visitor).map_err(|p| p.inside(self.name))
    }
}

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Decoder(item)).map(Some).map_err(|p| p.at(item.place).inside_item(index))
    }
}

struct Entries<'a> {
    entries: &'a [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Problem;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key: StrDeserializer<'_, Problem> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|p| p.at(entry.key_place))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let entry = self.entries.get(self.next).ok_or_else(|| Problem::new("a key without a value"))?;
        self.next += 1;
        seed.deserialize(Decoder(&entry.value)).map_err(|p| p.at(entry.value.place).inside(&entry.key))
    }
}

use crate::query::Protocol;

/// Two numbers compared, unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The number on the left.
    pub left: Arithmetic,
    /// How they are compared.
    pub comparison: Comparison,
    /// The number on the right.
    pub right: Arithmetic,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds.
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A number that follows from a packet. All of it is 32 bits, unsigned, and wraps around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arithmetic {
    /// The number itself.
    Number(u32),
    /// `len`: the packet's length on the wire.
    Length,
    /// Bytes of the packet: `tcp[13]`.
    Bytes(Box<Accessor>),
    /// The opposite number.
    Negative(Box<Arithmetic>),
    /// Two numbers made one.
    Binary(Operator, Box<(Arithmetic, Arithmetic)>),
}

/// `protocol[offset:size]`: bytes in network order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accessor {
    /// In whose header.
    pub protocol: Protocol,
    /// How far behind its beginning.
    pub offset: Arithmetic,
    /// How many bytes: 1, 2 or 4.
    pub size: u8,
}

/// What makes one number of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    ExclusiveOr,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::And => "&",
            Self::Or => "|",
            Self::ExclusiveOr => "^",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }

    /// The result; `None` for a division by zero.
    #[must_use]
    pub fn apply(self, left: u32, right: u32) -> Option<u32> {
        Some(match self {
            Self::Add => left.wrapping_add(right),
            Self::Subtract => left.wrapping_sub(right),
            Self::Multiply => left.wrapping_mul(right),
            Self::Divide => left.checked_div(right)?,
            Self::Remainder => left.checked_rem(right)?,
            Self::And => left & right,
            Self::Or => left | right,
            Self::ExclusiveOr => left ^ right,
            Self::ShiftLeft => left.checked_shl(right).unwrap_or(0),
            Self::ShiftRight => left.checked_shr(right).unwrap_or(0),
        })
    }
}

//! Arithmetic on the bytes of a packet.

use crate::query::matches::Verdict;
use crate::query::matches::frame::{Cut, Frame};
use crate::query::matches::internet::carrier;
use crate::query::matches::link::{IPV4, IPV6, Link};
use crate::query::{Accessor, Arithmetic, Protocol, Relation};

impl Frame<'_> {
    /// A relation holds only where the protocols are that its bytes are asked of; also `!=`.
    pub(super) fn satisfies(&self, relation: &Relation) -> Verdict {
        if !self.has_protocols(&relation.left)? || !self.has_protocols(&relation.right)? {
            return Ok(false);
        }
        let left = self.number(&relation.left)?;
        let right = self.number(&relation.right)?;
        Ok(relation.comparison.holds(&left, &right))
    }

    /// As libpcap: of two numbers made one, only the left one's protocol is checked.
    fn has_protocols(&self, number: &Arithmetic) -> Verdict {
        match number {
            Arithmetic::Number(_) | Arithmetic::Length => Ok(true),
            Arithmetic::Negative(number) => self.has_protocols(number),
            Arithmetic::Binary(_, numbers) => self.has_protocols(&numbers.0),
            Arithmetic::Bytes(accessor) => self.has_protocol(accessor),
        }
    }

    fn has_protocol(&self, accessor: &Accessor) -> Verdict {
        let protocol = accessor.protocol;
        Ok(match protocol {
            Protocol::Link => self.has_protocols(&accessor.offset)?,
            Protocol::Radio => {
                matches!(self.link, Link::Radiotap | Link::Avs | Link::Prism)
                    && self.has_protocols(&accessor.offset)?
            }
            Protocol::Icmp6 => {
                self.has_protocols(&accessor.offset)?
                    && self.carries_type(IPV6)?
                    && self.byte(self.network() + 6)? == 58
            }
            _ => match protocol.ip_number() {
                Some(number) => {
                    self.carries_type(IPV4)?
                        && self.has_protocols(&accessor.offset)?
                        && self.carries(carrier(protocol), number.into())?
                        && self.is_first_fragment()?
                }
                None => self.has_protocols(&accessor.offset)? && self.is_protocol(protocol)?,
            },
        })
    }

    fn number(&self, number: &Arithmetic) -> Result<u32, Cut> {
        match number {
            Arithmetic::Number(number) => Ok(*number),
            Arithmetic::Length => Ok(self.length),
            Arithmetic::Negative(number) => self.number(number).map(u32::wrapping_neg),
            Arithmetic::Binary(operator, numbers) => {
                let (left, right) = (self.number(&numbers.0)?, self.number(&numbers.1)?);
                operator.apply(left, right).ok_or(Cut)
            }
            Arithmetic::Bytes(accessor) => self.bytes_of(accessor),
        }
    }

    /// The bytes at an offset. What is negative, or too large, is so as libpcap's optimizer leaves
    /// it: a constant offset wraps around with the place it counts from, another one does not.
    fn bytes_of(&self, accessor: &Accessor) -> Result<u32, Cut> {
        let offset = self.number(&accessor.offset)?;
        let network = self.network();
        let (header, behind) = match accessor.protocol {
            Protocol::Radio => (0, 0),
            Protocol::Link => (self.header, 0),
            // Nobody knows where its network header is.
            _ if self.link == Link::Other => return Err(Cut),
            Protocol::Icmp6 => (network + 40, 0),
            protocol if protocol.ip_number().is_some() => (network, self.above_ipv4()? - network),
            _ => (network, 0),
        };
        let narrow = |place: usize| u32::try_from(place).map_err(|_| Cut);
        let behind = narrow(behind)?.wrapping_add(offset);
        let at = if accessor.offset.is_constant() {
            narrow(header)?.wrapping_add(behind)
        } else {
            narrow(header)?.checked_add(behind).ok_or(Cut)?
        };
        let at = usize::try_from(at).map_err(|_| Cut)?;
        match accessor.size {
            1 => self.byte(at).map(u32::from),
            2 => self.half(at).map(u32::from),
            _ => self.word(at),
        }
    }
}

impl Arithmetic {
    /// Whether it is the same for every packet.
    fn is_constant(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Length | Self::Bytes(_) => false,
            Self::Negative(number) => number.is_constant(),
            Self::Binary(_, numbers) => numbers.0.is_constant() && numbers.1.is_constant(),
        }
    }
}

//! Text → [`Filter`]: tcpdump's language, fields and payload.
//!
//! The text is cut into tokens as libpcap cuts it, and read by its grammar, with its oddities:
//! `and` and `or` bind equally, qualifiers are shared (`port 53 or 80`), `6-2` is a name.

mod address;
mod arithmetic;
mod field;
mod grammar;
mod id;
mod lexer;
mod mistake;
mod names;
mod primitive;
mod quoted;
mod token;
mod wlan;

use winnow::stream::TokenSlice;

use crate::query::{Filter, ParseError};
pub(super) use lexer::is_plain_name;
use mistake::Mistake;
pub use names::service_name;

/// Levels of parentheses and negations. Reading, showing and looking at a filter takes stack for
/// each of them.
const MOST_LEVELS: usize = 128;

/// Reads an expression. An empty one means every packet.
///
/// # Errors
/// Where and why it cannot be understood.
pub fn parse(text: &str) -> Result<Filter, ParseError> {
    let read = || {
        let tokens = lexer::tokens(text)?;
        if tokens.len() == 1 {
            return Ok(Filter::All);
        }
        grammar::filter(&mut TokenSlice::new(&tokens)).map_err(Mistake::of_mode)
    };
    read().map_err(|mistake: Mistake| mistake.within(text))
}

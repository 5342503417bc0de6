//! The `deskgate` command.

fn main() {}

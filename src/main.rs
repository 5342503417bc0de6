//! The `deskgate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskgate::cli::main()
}

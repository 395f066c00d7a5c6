//! The `dlq` command. All of it is in the library; this only starts it.

fn main() -> std::process::ExitCode {
    dlq::cli::main()
}

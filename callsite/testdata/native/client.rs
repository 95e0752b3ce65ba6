// Rust: what the standard library has between the program and the call is left out.
mod web {
    use std::io::Read;

    pub struct Client;
    impl Client {
        #[inline(never)]
        pub fn dial(&self, answer: &mut [u8; 1]) -> u8 {
            std::io::stdin().read_exact(answer).unwrap(); // frame 0: client::web::Client::dial
            answer[0]
        }
    }
}

fn main() {
    let mut answer = [0u8; 1];
    let n = web::Client.dial(&mut answer); // frame 1: client::main
    println!("{n}");
}

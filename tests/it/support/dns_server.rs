//! A DNS server of the test's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::thread;

const TXT: u16 = 16;

/// A DNS server with these TXT records and no others; it ends with the process.
pub(crate) fn serve(records: &[(&str, String)]) -> SocketAddr {
    let records: BTreeMap<String, String> =
        records.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = [0; 1_500];
        while let Ok((len, peer)) = socket.recv_from(&mut query) {
            if let Some(answer) = answered(&query[..len], &records) {
                socket.send_to(&answer, peer).unwrap();
            }
        }
    });
    address
}

fn answered(query: &[u8], records: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while *query.get(at)? != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + len)?).to_lowercase());
        at += len + 1;
    }
    let question = query.get(12..at + 5)?;
    let asked = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let found = records.get(&labels.join(".")).filter(|_| asked == TXT);
    let flags: u16 = if found.is_some() { 0x8180 } else { 0x8183 };
    let mut answer = query[..2].to_vec();
    answer.extend(flags.to_be_bytes());
    for count in [1, u16::from(found.is_some()), 0, 0] {
        answer.extend(count.to_be_bytes());
    }
    answer.extend(question);
    if let Some(text) = found {
        let data: Vec<u8> =
            text.as_bytes().chunks(255).flat_map(|chunk| [&[chunk.len() as u8][..], chunk].concat()).collect();
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

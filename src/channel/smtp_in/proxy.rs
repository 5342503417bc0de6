//! The PROXY protocol, versions 1 and 2: who stands behind a load balancer.
//!
//! **Invariant:** it is read only from hosts the configuration names, and not one octet beyond it; a header that cannot be
//! read ends the connection, since its peer's address could be anybody's.

use crate::channel::smtp_in::wire::Stream;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;

/// How version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1.
const LINE_BYTES_MAX: usize = 107;
/// Longest rest of version 2 that is read.
const REST_BYTES_MAX: usize = 4_096;

/// Reads the header: the client's address; `None` where the proxy speaks for itself (a health check).
///
/// # Errors
/// `InvalidData` for anything but a header; as the stream.
pub(crate) async fn read_header(stream: &mut Box<dyn Stream>) -> io::Result<Option<SocketAddr>> {
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await?;
    if begin == SIGNATURE {
        return version_2(stream).await;
    }
    let mut line = begin.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LINE_BYTES_MAX || !line.starts_with(b"PROXY ") {
            return Err(invalid());
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line)
}

fn version_1(line: &[u8]) -> io::Result<Option<SocketAddr>> {
    let text = std::str::from_utf8(line).map_err(|_| invalid())?;
    let mut words = text.trim_end().split(' ').skip(1);
    match words.next() {
        Some("UNKNOWN") => Ok(None),
        Some("TCP4" | "TCP6") => {
            let ip: IpAddr = words.next().and_then(|word| word.parse().ok()).ok_or_else(invalid)?;
            let port = words.nth(1).and_then(|word| word.parse().ok()).ok_or_else(invalid)?;
            Ok(Some(SocketAddr::new(ip, port)))
        }
        _ => Err(invalid()),
    }
}

async fn version_2(stream: &mut Box<dyn Stream>) -> io::Result<Option<SocketAddr>> {
    let (command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let len = usize::from(stream.read_u16().await?);
    if len > REST_BYTES_MAX || command >> 4 != 2 {
        return Err(invalid());
    }
    let mut rest = vec![0; len];
    stream.read_exact(&mut rest).await?;
    match (command & 0x0f, family) {
        (0, _) => Ok(None),
        (1, 0x11) => address::<4>(&rest).map(|(ip, port)| Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port))),
        (1, 0x21) => address::<16>(&rest).map(|(ip, port)| Some(SocketAddr::new(Ipv6Addr::from(ip).into(), port))),
        (1, _) => Ok(None),
        _ => Err(invalid()),
    }
}

/// Source address, then destination address, then the two ports.
fn address<const N: usize>(rest: &[u8]) -> io::Result<([u8; N], u16)> {
    let ip: [u8; N] = rest.get(..N).and_then(|octets| octets.try_into().ok()).ok_or_else(invalid)?;
    let port = rest.get(N * 2..N * 2 + 2).and_then(|octets| octets.try_into().ok()).ok_or_else(invalid)?;
    Ok((ip, u16::from_be_bytes(port)))
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn read(bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, Vec<u8>) {
        let (mut near, far) = tokio::io::duplex(8_192);
        near.write_all(bytes).await.unwrap();
        drop(near);
        let mut stream: Box<dyn Stream> = Box::new(far);
        let found = read_header(&mut stream).await;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        (found, rest)
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_what_follows() {
        let four = Some("192.0.2.7:5555".parse().unwrap());
        let six = Some("[2001:db8::7]:5555".parse().unwrap());
        let second = |command: u8, family: u8, rest: &[u8]| {
            let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
            [&SIGNATURE[..], &[command, family], &len, rest].concat()
        };
        let ports = [0x15, 0xb3, 0, 25];
        let v4 = [&[192, 0, 2, 7, 192, 0, 2, 1][..], &ports, b"\x04\0\x01x"].concat();
        let source: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let v6 = [&source.octets()[..], &[0; 16], &ports].concat();
        let cases = [
            (b"PROXY TCP4 192.0.2.7 192.0.2.1 5555 25\r\n".to_vec(), four),
            (b"PROXY TCP6 2001:db8::7 ::1 5555 25\r\n".to_vec(), six),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (second(0x21, 0x11, &v4), four),
            (second(0x21, 0x21, &v6), six),
            (second(0x20, 0, b""), None),
        ];
        for (header, expected) in cases {
            let (found, rest) = read(&[&header[..], b"EHLO x\r\n"].concat()).await;
            assert_eq!(found.unwrap(), expected, "{header:?}");
            assert_eq!(rest, b"EHLO x\r\n");
        }
    }

    #[tokio::test]
    async fn anything_else_ends_the_connection() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
        let cut = [&SIGNATURE[..], &[0x21, 0x11, 0, 4], &[1, 2, 3, 4]].concat();
        let cases: [&[u8]; 7] = [
            b"EHLO mail.example.com\r\n",
            b"PROXY TCP4 x y 1 2\r\n",
            b"PROXY TCP4 1.2.3.4\r\n",
            &long,
            &cut,
            b"",
            b"PROXY",
        ];
        for bad in cases {
            assert!(read(bad).await.0.is_err(), "{bad:?}");
        }
    }
}

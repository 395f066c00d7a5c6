//! The frames between dlq and the child: each is a length of four bytes, and that many bytes.

use std::io::{self, Read, Write};

pub(super) fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(bytes)
}

pub(super) fn write_number(to: &mut impl Write, number: usize) -> io::Result<()> {
    write(to, &(number as u64).to_le_bytes())
}

pub(super) fn read(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    let mut bytes = Vec::new();
    if from.by_ref().take(length).read_to_end(&mut bytes)? as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

pub(super) fn read_number(from: &mut impl Read) -> io::Result<usize> {
    let bytes = read(from)?;
    let number: [u8; 8] = bytes.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    usize::try_from(u64::from_le_bytes(number)).map_err(|_| io::ErrorKind::InvalidData.into())
}

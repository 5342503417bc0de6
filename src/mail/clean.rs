//! Text from outside made safe to stand in a header field, a list or a file name.

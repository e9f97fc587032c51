package wire

// frames counts the commands in a stream of them, which may be cut anywhere: each is
// an array of bulk strings, as every client here writes it.
type frames struct {
	skip   int64 // bytes of an argument that are still to come, and its line's end
	number int64 // that of a header, as far as it was read
	kind   byte  // of the header that is being read: '*', '$' or 0
}

// read returns how many commands begin in b, which follows what was read before.
func (f *frames) read(b []byte) (commands int64) {
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, int64(len(b)))
			f.skip -= n
			b = b[n:]
			continue
		}
		commands += f.header(b[0])
		b = b[1:]
	}
	return commands
}

// header reads one byte of a header, and returns 1 if with it a command has begun.
func (f *frames) header(c byte) int64 {
	switch {
	case f.kind == 0:
		f.kind, f.number = c, 0
	case c >= '0' && c <= '9':
		f.number = 10*f.number + int64(c-'0')
	case c == '\n':
		kind := f.kind
		f.kind = 0
		switch kind {
		case '*':
			return 1
		case '$':
			f.skip = f.number + 2
		}
	}
	return 0
}

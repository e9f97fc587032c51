package pooltest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The limits of a command are Redis's: what is longer is no command.
const (
	maxWords = 1 << 20
	maxBytes = 512 << 20
)

// readCommand returns the words of a command, of which there may be none, as Redis has
// it. It takes no more memory than what it is sent.
func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readLength(r, '*')
	if err != nil || n > maxWords {
		return nil, errMalformed
	}
	var args []string
	for range n {
		size, err := readLength(r, '$')
		if err != nil || size < 0 || size > maxBytes {
			return nil, errMalformed
		}
		var arg bytes.Buffer
		arg.Grow(min(size+2, 4<<10))
		if _, err := io.CopyN(&arg, r, int64(size+2)); err != nil {
			return nil, err
		}
		args = append(args, string(arg.Bytes()[:size]))
	}
	return args, nil
}

var errMalformed = errors.New("malformed command")

// readLength reads a line that is a prefix and a number.
func readLength(r *bufio.Reader, prefix byte) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil || line[0] != prefix {
		return 0, errMalformed
	}
	return strconv.Atoi(strings.TrimSpace(string(line[1:])))
}

package wire

import "testing"

func TestFrames(t *testing.T) {
	stream := "*1\r\n$4\r\nPING\r\n" +
		"*3\r\n$3\r\nSET\r\n$5\r\n*1\r\n$\r\n$0\r\n\r\n" + // arguments that look like headers, or are empty
		"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
	for size := 1; size <= len(stream); size++ {
		var f frames
		var got int64
		for rest := stream; rest != ""; {
			n := min(size, len(rest))
			got += f.read([]byte(rest[:n]))
			rest = rest[n:]
		}
		if got != 3 {
			t.Errorf("in pieces of %d bytes: got %d commands, want 3", size, got)
		}
	}
}

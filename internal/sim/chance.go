package sim

import (
	"context"
	"time"
)

// What befalls a message is computed from what the message is, rather than drawn: two
// goroutines that send at the same moment do so in no order, and a world must be the
// same each time.

// mix returns a number that looks random, and follows from a and b.
func mix(a, b uint64) uint64 { // SplitMix64's finalizer
	x := a + 0x9e3779b97f4a7c15*(b+1)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit returns a number from 0 up to 1 for one of the questions about key.
func unit(key, question uint64) float64 {
	return float64(mix(key, question)>>11) / (1 << 53)
}

func mixString(a uint64, s string) uint64 {
	h := a ^ 14695981039346656037
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h, uint64(len(s)))
}

// jitter is how much later something happens than it should: never at the same moment
// as something else.
func jitter(key uint64) time.Duration {
	return time.Duration(unit(key, 7) * float64(10*time.Microsecond))
}

// inquiry is what a message belongs to: a request put to a node.
type inquiry struct {
	context.Context
	key uint64
	n   uint64 // of messages so far
}

type inquiryKey struct{}

func (i *inquiry) Value(key any) any {
	if key == (inquiryKey{}) {
		return i
	}
	return i.Context.Value(key)
}

// messageKey returns the key of the next message of the request that ctx belongs to.
func (l *link) messageKey(ctx context.Context) uint64 {
	i, ok := ctx.Value(inquiryKey{}).(*inquiry)
	if !ok { // to see whether messages get through
		l.ears++
		return mix(mix(l.world.s.seed, uint64(l.client.id)<<8|uint64(l.node)), 1<<41+l.ears)
	}
	i.n++
	return mix(i.key, i.n)
}

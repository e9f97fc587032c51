package demo

// A replica and the process that started it talk in lines of JSON: messages come
// from the replica's stdout, orders go to its stdin.
//
//	replica    {"say":"wait"}                  it asks for the lock
//	           {"say":"enter","left_ms":7917}  it has it, for so long at most
//	parent     {"do":"go"}                     noted: it may begin
//	replica    {"say":"leave"}                 it is done
//	parent     {"do":"go"}                     noted: it may unlock
//
// An order to stop, or the end of stdin, ends the replica as soon as it has
// given the lock back. An answer is still given to every enter, leave and lost.
type message struct {
	Say    word   `json:"say"`
	LeftMS int64  `json:"left_ms,omitempty"`
	Error  string `json:"error,omitempty"`
}

type order struct {
	Do word `json:"do"`
}

type word string

const (
	sayWait   word = "wait"
	sayEnter  word = "enter"
	sayLeave  word = "leave"
	sayLost   word = "lost"   // in place of leave: the lock's time was over before
	sayUnsure word = "unsure" // nobody has confirmed that the lock was given back; error says why
	sayDone   word = "done"   // it has ended; error says why the last Lock failed, if it did

	doGo   word = "go"
	doStop word = "stop"
)

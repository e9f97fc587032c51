package pool

import _ "embed" // the scripts are files of their own

// A Script is sent by its hash, which is the SHA-1 of its text in hexadecimal.
// The hashes are written down rather than computed: a program that is built to
// refuse every algorithm outside FIPS 140 could not compute them. A test does.
type Script struct {
	Hash, Text string

	hash any // Hash, as an argument
}

func script(hash, text string) Script { return Script{hash, text, hash} }

//go:embed scripts/acquire.lua
var acquireText string

//go:embed scripts/extend.lua
var extendText string

//go:embed scripts/release.lua
var releaseText string

//go:embed scripts/look.lua
var lookText string

//go:embed scripts/wait.lua
var waitText string

//go:embed scripts/handover.lua
var handoverText string

var (
	acquireScript  = script("d3e2277a81a86a2a2dbcccb89949d2c167b0336b", acquireText)
	extendScript   = script("ad01b328142a6c13f7034f2e386e464af43643f0", extendText)
	releaseScript  = script("53d24dee48d4be4309a3898ae22694d419b2d099", releaseText)
	lookScript     = script("9fca5a37eb0ca60b5ab647ef228b1d8c2552e2e4", lookText)
	waitScript     = script("a4002748fb4af7ab837b4cbbde046032d970dd55", waitText)
	handoverScript = script("e75ccd63a43a5d6deecb791ad0e2d0ee68e40d8b", handoverText)
)

// Scripts returns what is sent to a Redis server, by the names of the files in
// which the scripts are written: for tests, and for who lets users run these and
// no others.
func Scripts() map[string]Script {
	return map[string]Script{
		"acquire": acquireScript, "extend": extendScript, "release": releaseScript, "look": lookScript,
		"wait": waitScript, "handover": handoverScript,
	}
}

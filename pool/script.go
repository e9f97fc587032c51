package pool

import _ "embed" // the scripts are files of their own

// A script is sent by its hash, which is the SHA-1 of its text in hexadecimal.
// The hashes are written down rather than computed: a program that is built to
// refuse every algorithm outside FIPS 140 could not compute them. A test does.
type script struct{ hash, text string }

//go:embed scripts/acquire.lua
var acquireText string

//go:embed scripts/extend.lua
var extendText string

//go:embed scripts/release.lua
var releaseText string

//go:embed scripts/look.lua
var lookText string

var (
	acquireScript = script{"d238f8fb0b9f603a5c352f65b6b4149e9ed5fd9f", acquireText}
	extendScript  = script{"ad01b328142a6c13f7034f2e386e464af43643f0", extendText}
	releaseScript = script{"53d24dee48d4be4309a3898ae22694d419b2d099", releaseText}
	lookScript    = script{"1bc80de5d81cd4409320d44c3e806280fe5a08be", lookText}
)

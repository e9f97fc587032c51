package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	redsyncPath = "github.com/go-redsync/redsync/v4"
	dropinPath  = "github.com/redlatch/redlatch/redsync"
)

// replaced are redsync's packages, below its root, that the drop-in has, too.
var replaced = []string{"", "/redis", "/redis/redigo",
	"/redis/goredis", "/redis/goredis/v7", "/redis/goredis/v8", "/redis/goredis/v9", "/redis/rueidis"}

// additions are what the drop-in exports beyond redsync.
var additions = []string{
	"func WithRedlatch(option github.com/redlatch/redlatch.Option) Option",
	"method (*Mutex) Redlatch() *github.com/redlatch/redlatch.Mutex",
	"method (*Redsync) Redlatch() *github.com/redlatch/redlatch.Locker",
}

// The drop-in exports what redsync exports, with the same types, and its few
// additions. A name that a new version of redsync has makes this fail.
func TestExportedNamesAreRedsyncs(t *testing.T) {
	load := loader(t)
	var added []string
	for _, path := range replaced {
		theirs, ours := exported(t, load, redsyncPath+path), exported(t, load, dropinPath+path)
		for _, line := range theirs {
			if !slices.Contains(ours, line) {
				t.Errorf("%s lacks\n%s", dropinPath+path, line)
			}
		}
		for _, line := range ours {
			if !slices.Contains(theirs, line) {
				added = append(added, line)
			}
		}
	}
	slices.Sort(added)
	if !slices.Equal(added, additions) {
		t.Errorf("it adds\n%s\nwant\n%s", strings.Join(added, "\n"), strings.Join(additions, "\n"))
	}
}

// loader returns an importer of compiled packages, as the go command makes them.
func loader(t *testing.T) types.Importer {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Export"}
	for _, path := range replaced {
		args = append(args, redsyncPath+path, dropinPath+path)
	}
	list := exec.Command("go", args...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := make(map[string]string)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		files[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})
}

// exported returns a line for each exported name, method and field of a package.
// The drop-in's own path is written as redsync's: that is what is replaced.
func exported(t *testing.T, load types.Importer, path string) []string {
	t.Helper()
	p, err := load.Import(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	add := func(format string, args ...any) {
		line := strings.ReplaceAll(fmt.Sprintf(format, args...), dropinPath, redsyncPath)
		// A drop-in's driver takes a name for an alias of redlatch's own.
		lines = append(lines, strings.ReplaceAll(line, "github.com/redlatch/redlatch/pool/redigo", redsyncPath+"/redis/redigo"))
	}
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		named, isType := object.(*types.TypeName)
		if !isType {
			add("%s", types.ObjectString(object, types.RelativeTo(p)))
			lines[len(lines)-1] = strings.ReplaceAll(lines[len(lines)-1], redsyncPath+".", "")
			continue
		}
		T := types.Unalias(named.Type())
		add("type %s %s", name, shape(T.Underlying()))
		for _, receiver := range []types.Type{T, types.NewPointer(T)} {
			methods := types.NewMethodSet(receiver)
			for i := range methods.Len() {
				if m := methods.At(i).Obj(); m.Exported() {
					star := ""
					if receiver != T {
						star = "*"
					}
					add("method (%s%s) %s%s", star, name, m.Name(), strings.TrimPrefix(types.TypeString(m.Type(), nil), "func"))
				}
			}
		}
	}
	return lines
}

// shape returns a type without what is not exported of it.
func shape(t types.Type) string {
	s, ok := t.(*types.Struct)
	if !ok {
		return types.TypeString(t, nil)
	}
	var fields []string
	for i := range s.NumFields() {
		if f := s.Field(i); f.Exported() {
			fields = append(fields, f.Name()+" "+types.TypeString(f.Type(), nil))
		}
	}
	return "struct{" + strings.Join(fields, "; ") + "}"
}

// Package nilable finds nil in interfaces.
package nilable

import "reflect"

// IsNil reports whether v is nil, or a nil pointer, map, function, slice or
// channel in an interface's clothes.
func IsNil(v any) bool {
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}

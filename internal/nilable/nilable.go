// Package nilable finds nil in interfaces.
package nilable

import "reflect"

// IsNil reports whether v is nil, or a nil pointer, map, function, slice or
// channel in an interface's clothes.
func IsNil(v any) bool { return IsNilValue(reflect.ValueOf(v)) }

// IsNilValue is IsNil for a value by reflection.
func IsNilValue(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Interface:
		return IsNilValue(v.Elem())
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"testing"
)

type fieldMap map[string]string

func (m fieldMap) Lookup(name string) (Field, error) {
	v, ok := m[name]
	if !ok {
		return Field{}, ErrNoField
	}
	return Field{Name: name, Value: []byte(v)}, nil
}

func TestInvocationOf(t *testing.T) {
	t.Parallel()
	a, b := ID128{0xa}, ID128{0xb}
	tests := []struct {
		name   string
		fields fieldMap
		user   bool
		want   ID128
	}{
		{"own", fieldMap{"_PID": "7", "_SYSTEMD_INVOCATION_ID": a.String(), "INVOCATION_ID": b.String()}, false, a},
		{"of the manager", fieldMap{"_PID": "1", "_SYSTEMD_INVOCATION_ID": a.String(), "INVOCATION_ID": b.String()}, false, b},
		{"named by another", fieldMap{"_PID": "7", "INVOCATION_ID": b.String()}, false, b},
		{"user unit", fieldMap{"USER_INVOCATION_ID": b.String(), "INVOCATION_ID": a.String()}, true, b},
		{"malformed, then good", fieldMap{"_SYSTEMD_INVOCATION_ID": "x", "INVOCATION_ID": b.String()}, false, b},
		{"zero", fieldMap{"INVOCATION_ID": ID128{}.String()}, false, ID128{}},
		{"none", fieldMap{"MESSAGE": "x"}, false, ID128{}},
	}
	for _, tt := range tests {
		if got, ok := InvocationOf(tt.fields, tt.user); got != tt.want || ok == tt.want.IsZero() {
			t.Errorf("%s: InvocationOf = %v, %v, want %v", tt.name, got, ok, tt.want)
		}
	}
	for _, f := range InvocationFields(true) {
		if f == "INVOCATION_ID" {
			t.Error("the fields of users have one of the system")
		}
	}
}

func TestCheckInvocationUnit(t *testing.T) {
	t.Parallel()
	for unit, ok := range map[string]bool{"a.service": true, "a@b.service": true, "a*.service": false, "a[12]": false, "?": false} {
		if err := CheckInvocationUnit(unit); (err == nil) != ok || err != nil && !errors.Is(err, ErrInvalidQuery) {
			t.Errorf("CheckInvocationUnit(%q) = %v", unit, err)
		}
	}
}

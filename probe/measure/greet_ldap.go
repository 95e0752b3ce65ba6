//go:build linux

package measure

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// ldapSearch asks for attributes of the root DSE (RFC 4512, section 5.1), with no bind before it: message 1, base object "", filter
// (objectClass=*), at most 1 entry, 3 s (RFC 4511, section 4.5.1).
var ldapSearch = func() string {
	var attributes string
	for _, name := range []string{"vendorName", "vendorVersion", "supportedLDAPVersion", "namingContexts"} {
		attributes += ber(0x04, name)
	}
	search := ber(0x04, "") + ber(0x0a, "\x00") + ber(0x0a, "\x00") + ber(0x02, "\x01") + ber(0x02, "\x03") + ber(0x01, "\x00") +
		ber(0x87, "objectClass") + ber(0x30, attributes)
	return ber(0x30, ber(0x02, "\x01")+ber(0x63, search))
}()

// ldapUnbind takes leave (RFC 4511, section 4.3).
const ldapUnbind = "\x30\x05\x02\x01\x02\x42\x00"

// ber is one element of a length below 128 (X.690, section 8.1).
func ber(tag byte, content string) string {
	return string([]byte{tag, byte(len(content))}) + content
}

// greetLDAP asks for what a directory says of itself to everybody.
func greetLDAP(s *session) (*probe.Answer, error) {
	if err := s.say(ldapSearch); err != nil {
		return nil, err
	}
	m, err := s.ldapMessage()
	if err != nil {
		return nil, err
	}
	a, err := ldapAnswer(m)
	if err == nil {
		_ = s.say(ldapUnbind)
	}
	return a, err
}

// ldapMessage reads one message.
func (s *session) ldapMessage() ([]byte, error) {
	head, err := s.bytes(2)
	if err != nil {
		return nil, err
	}
	if head[0] != 0x30 {
		return nil, errOther
	}
	size := int(head[1])
	if size >= 0x80 {
		n := size & 0x7f
		if n == 0 || n > 4 {
			return nil, errOther
		}
		long, err := s.bytes(n)
		if err != nil {
			return nil, err
		}
		size = 0
		for _, c := range long {
			size = size<<8 | int(c)
		}
	}
	if size > 32<<10 {
		return nil, errOther
	}
	return s.bytes(size)
}

// ldapAnswer reads a message: the entry, or the end of the search where it was refused, or a notice that the server hangs up.
func ldapAnswer(b []byte) (*probe.Answer, error) {
	r := &reader{b: b}
	id, _ := r.element(0x02)
	tag := r.peek()
	op, ok := r.element(tag)
	if r.bad || !ok {
		return nil, errOther
	}
	a := &probe.Answer{Service: "ldap"}
	switch {
	case string(id) == "\x01" && tag == 0x64: // SearchResultEntry: name, attributes
		in := &reader{b: op}
		in.element(0x04)
		list, ok := in.element(0x30)
		if !ok {
			return nil, errOther
		}
		ldapEntry(a, &reader{b: list})
		return a, nil
	case string(id) == "\x01" && tag == 0x65, string(id) == "\x00" && tag == 0x78: // SearchResultDone; NoticeOfDisconnection
		in := &reader{b: op}
		code, _ := in.element(0x0a)
		in.element(0x04)
		words, ok := in.element(0x04)
		if !ok || len(code) != 1 {
			return nil, errOther
		}
		text := fmt.Sprintf("refuses with result %d", code[0])
		if len(words) > 0 {
			text += ": " + clean(strings.ToValidUTF8(string(words), "."))
		}
		if code[0] != 0 {
			a.Detail = []string{text}
		}
		return a, nil
	}
	return nil, errOther
}

// ldapEntry takes what is of interest out of a list of attributes: each a name, and a set of values.
func ldapEntry(a *probe.Answer, list *reader) {
	values := map[string][]string{}
	for len(list.b) > 0 && !list.bad {
		one, _ := list.element(0x30)
		in := &reader{b: one}
		name, _ := in.element(0x04)
		set, _ := in.element(0x31)
		for in := (&reader{b: set}); len(in.b) > 0 && !in.bad; {
			if v, ok := in.element(0x04); ok {
				key := strings.ToLower(string(name))
				values[key] = append(values[key], clean(strings.ToValidUTF8(string(v), ".")))
			}
		}
	}
	a.Version = strings.TrimSpace(strings.Join(append(values["vendorname"], values["vendorversion"]...), " "))
	if v := values["supportedldapversion"]; len(v) > 0 {
		a.Detail = append(a.Detail, "LDAP "+strings.Join(v, ", "))
	}
	if v := values["namingcontexts"]; len(v) > 0 {
		a.Detail = append(a.Detail, "has "+some(v))
	}
}

func (r *reader) peek() byte {
	if len(r.b) == 0 {
		return 0
	}
	return r.b[0]
}

// element takes an element of a tag of one byte.
func (r *reader) element(tag byte) ([]byte, bool) {
	if r.u8() != tag || r.bad {
		r.bad = true
		return nil, false
	}
	size := int(r.u8())
	if size >= 0x80 {
		n := size & 0x7f
		if n == 0 || n > 4 {
			r.bad = true
			return nil, false
		}
		size = 0
		for _, c := range r.take(n) {
			size = size<<8 | int(c)
		}
	}
	b := r.take(size)
	return b, !r.bad
}

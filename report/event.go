package report

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/attempt"
)

// EventJSON is one line for --events, docs/events.schema.json: a step, and which life it belongs to. It ends
// with a newline. It is called for every step while the program waits, so it writes the text itself.
// The error is always nil.
func EventJSON(l *attempt.Life, s *attempt.Step) ([]byte, error) {
	b := make([]byte, 0, 320)
	b = append(b, `{"cookie":`...)
	b = strconv.AppendUint(b, l.Cookie, 10)
	b = append(b, `,"pid":`...)
	pid := 0
	if l.Process != nil {
		pid = l.Process.PID
	}
	b = strconv.AppendInt(b, int64(pid), 10)
	b = append(b, `,"fd":`...)
	b = strconv.AppendInt(b, int64(l.FD), 10)
	b = append(b, `,"protocol":`...)
	b = appendString(b, l.Protocol.String())
	b = append(b, `,"family":`...)
	b = strconv.AppendInt(b, int64(l.Family), 10)
	b = append(b, ',')
	return append(appendStep(b, s), '}', '\n'), nil
}

// appendStep appends the members of a step, without the braces. The result of a call that could not be
// seen is null.
func appendStep(b []byte, s *attempt.Step) []byte {
	b = append(b, `"call":`...)
	b = appendString(b, s.Call.String())
	b = append(b, `,"address":"`...)
	b = appendAddress(b, s.Address)
	if s.Detail != "" {
		b = append(b, `","detail":`...)
		b = appendString(b, s.Detail)
		b = append(b, `,"result":`...)
	} else {
		b = append(b, `","result":`...)
	}
	switch {
	case s.How == attempt.Unseen:
		b = append(b, "null"...)
	case s.Call == attempt.CallSoError, s.Call == attempt.CallClose:
		b = append(b, '0') // the call succeeds, and the errno is the connect's
	case s.Errno != 0:
		b = append(b, "-1"...)
	default:
		b = strconv.AppendInt(b, s.Result, 10)
	}
	b = append(b, `,"errno":"`...)
	if s.Errno != 0 {
		b = append(b, s.Errno.Name()...)
	}
	b = append(b, `","how":`...)
	b = appendString(b, s.How.String())
	b = append(b, `,"rule":`...)
	b = appendString(b, s.Rule)
	b = append(b, `,"count":`...)
	b = strconv.AppendInt(b, int64(max(s.Count, 1)), 10)
	b = append(b, `,"tid":`...)
	b = strconv.AppendInt(b, int64(s.TID), 10)
	b = append(b, `,"at":"`...)
	b = s.At.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","took":`...)
	b = strconv.AppendFloat(b, s.Took.Seconds(), 'f', -1, 64)
	if len(s.Where) > 0 {
		b = append(b, `,"where":`...)
		b = appendFrames(b, s.Where)
	}
	return b
}

// appendFrames appends a call stack as findings have it.
func appendFrames(b []byte, frames []attempt.Frame) []byte {
	for i, f := range frames {
		b = append(b, "[,"[min(i, 1)])
		b = append(b, `{"file":`...)
		b = appendString(b, f.File)
		b = append(b, `,"line":`...)
		b = strconv.AppendInt(b, int64(f.Line), 10)
		b = append(b, `,"function":`...)
		b = appendString(b, f.Function)
		b = append(b, `,"standard":`...)
		b = strconv.AppendBool(b, f.Standard)
		b = append(b, `,"text":`...)
		b = appendString(b, f.Text)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendAddress appends "192.0.2.1:80", or nothing. A zone is an interface's name, which the kernel
// allows nearly any byte in.
func appendAddress(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return b
	}
	if a.Addr().Zone() != "" {
		quoted := appendString(nil, a.String())
		return append(b, quoted[1:len(quoted)-1]...)
	}
	return a.AppendTo(b)
}

// appendString appends a JSON string; plain ASCII without a detour.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // of a string it can't fail
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

package callsite

import (
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

func TestMarkStandard(t *testing.T) {
	for _, tt := range []struct {
		file, function string
		want           bool
	}{
		{"/usr/lib/python3.11/socket.py", "create_connection", true},
		{"/usr/lib/python3/dist-packages/irc/connection.py", "connect", false},
		{"/usr/lib/python3/dist-packages/six.py", "f", false},
		{"/usr/local/lib/python3.12/site-packages/requests/api.py", "get", false},
		{"/opt/venv/lib/python3.12/asyncio/events.py", "run", true},
		{"<frozen importlib._bootstrap>", "_call_with_frames_removed", true},
		{"/app/lib/python/dial.py", "dial", false},
		{"/app/lib/dial.py", "dial", false},
		{"bot.py", "main", false},
		{"/usr/local/go/src/net/http/transport.go", "net/http.(*Transport).dial", true},
		{"net/dial.go", "net.Dial", true},
		{"/src/app/main.go", "main.main", false},
		{"/src/app/net.go", "example.com/net.Dial", false},
		{"/src/app/net.go", "net.example/app.Dial", false},
		{"dial.c", "net", false},
	} {
		frames := []attempt.Frame{{File: tt.file, Function: tt.function}}
		if markStandard(frames); frames[0].Standard != tt.want {
			t.Errorf("%s, %s: standard %v, want %v", tt.file, tt.function, frames[0].Standard, tt.want)
		}
	}
}

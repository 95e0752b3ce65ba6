package diagnose

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

func TestNoise(t *testing.T) {
	const dst, v6, v4 = "192.0.2.1:80", "[2001:db8::2]:80", "192.0.2.2:80"
	sec := time.Second
	tcp6 := func(start time.Duration, steps ...attempt.Step) *attempt.Life {
		return life(123, attempt.TCP, attempt.IPv6, start, steps...)
	}
	udp := func(start time.Duration, steps ...attempt.Step) *attempt.Life {
		return life(123, attempt.UDP, attempt.IPv4, start, steps...)
	}
	other := func(l *attempt.Life, pid int, command ...string) *attempt.Life {
		l.Process = &attempt.Process{PID: pid, Command: command}
		return l
	}
	for _, tt := range []struct {
		name   string
		lives  []*attempt.Life
		causes string
		notes  string
	}{
		{"nothing failed", []*attempt.Life{tcp4(0, connect(dst, 0))}, "", ""},
		{"happy eyeballs", []*attempt.Life{tcp6(0, connect(v6, attempt.ENETUNREACH)), tcp4(sec/4, connect(v4, 0))}, "", NoteOtherAddress},
		{"happy eyeballs, the winner began first", []*attempt.Life{tcp6(0, connect(v6, 0, sec)), tcp4(sec/4, connect(v4, attempt.ECONNREFUSED))}, "", NoteOtherAddress},
		{"other port", []*attempt.Life{tcp6(0, connect(v6, attempt.ECONNREFUSED)), tcp4(sec/4, connect("192.0.2.2:81", 0))}, Refused, ""},
		{"other service much later", []*attempt.Life{tcp4(0, connect(dst, attempt.ECONNREFUSED)), tcp4(2*sec, connect(v4, 0))}, Refused, ""},
		{"next address at once", []*attempt.Life{tcp4(0, connect(dst, attempt.ECONNREFUSED)), tcp4(sec/10, connect(v4, 0))}, "", NoteOtherAddress},
		{"connected long before", []*attempt.Life{tcp4(0, connect(v4, 0)), tcp6(10*sec, connect(v6, attempt.ECONNREFUSED))}, Refused, ""},
		{"both families refused", []*attempt.Life{tcp6(0, connect("[::1]:80", attempt.ECONNREFUSED)), tcp4(sec/10, connect("127.0.0.1:80", attempt.ECONNREFUSED))}, Refused, ""},
		{"no IPv6 and IPv4 refused", []*attempt.Life{tcp6(0, connect(v6, attempt.ENETUNREACH)), tcp4(sec/10, connect(v4, attempt.ECONNREFUSED))}, Refused, NoteOtherAddress},
		{"retry", []*attempt.Life{tcp4(0, connect(dst, attempt.ECONNREFUSED)), tcp4(60*sec, connect(dst, 0))}, "", NoteRetried},
		{"retry on the same socket", []*attempt.Life{tcp4(0, connect(dst, attempt.ECONNREFUSED), connect(dst, 0))}, "", NoteRetried},
		{"wait loop of a shell", []*attempt.Life{
			other(tcp4(0, connect(dst, attempt.ECONNREFUSED)), 7, "nc", "-z", "db"),
			other(tcp4(sec, connect(dst, 0)), 8, "nc", "-z", "db"),
		}, "", NoteRetried},
		{"another program's success", []*attempt.Life{other(tcp4(0, connect(dst, attempt.ECONNREFUSED)), 7, "nc"), other(tcp4(sec, connect(dst, 0)), 8, "curl")}, Refused, ""},
		{"connected, then refused", []*attempt.Life{tcp4(0, connect(dst, 0)), tcp4(sec, connect(dst, attempt.ECONNREFUSED))}, Refused, ""},
		{"bind failed, connected all the same", []*attempt.Life{tcp4(0, bind("0.0.0.0:0", attempt.EACCES), connect(dst, 0))}, "", NoteBindSkipped},
		{"bind failed, connect failed", []*attempt.Life{tcp4(0, bind("0.0.0.0:0", attempt.EACCES), connect(dst, attempt.ECONNREFUSED))}, BindDenied + " " + Refused, ""},
		{"next free port", []*attempt.Life{tcp4(0, bind("0.0.0.0:1023", attempt.EADDRINUSE), bind("0.0.0.0:1022", 0), connect(dst, 0))}, "", NoteBindSkipped},
		{"next free port, another socket", []*attempt.Life{tcp4(0, bind("0.0.0.0:8080", attempt.EADDRINUSE)), tcp4(sec, bind("0.0.0.0:8081", 0), attempt.Step{Call: attempt.CallListen})}, "", NoteBindSkipped},
		{
			"Go's test for IPv6",
			[]*attempt.Life{tcp6(0, bind("[::1]:0", attempt.EACCES)), tcp6(sec/100, bind("[::ffff:127.0.0.1]:0", attempt.EACCES)), tcp4(sec, connect(dst, 0))},
			"", NoteProbe + " " + NoteProbe,
		},
		{"::1 and nothing else", []*attempt.Life{tcp6(0, bind("[::1]:0", attempt.EADDRNOTAVAIL))}, BindAddressNotLocal, ""},
		{"getaddrinfo", []*attempt.Life{udp(0, connect("192.0.2.1:443", 0), connect("", 0), connect("[2001:db8::2]:443", attempt.ENETUNREACH)), tcp4(sec, connect("192.0.2.1:443", 0))}, "", NoteProbe},
		{"getaddrinfo without a network", []*attempt.Life{udp(0, connect("192.0.2.1:443", attempt.ENETUNREACH)), tcp4(sec/10, connect("192.0.2.1:443", attempt.ENETUNREACH))}, Unreachable, NoteProbe},
		{"resolver out of reach", []*attempt.Life{udp(0, connect("192.0.2.53:53", attempt.ENETUNREACH))}, Unreachable, ""},
		{"log collector out of reach, resolver fine", []*attempt.Life{udp(0, connect("192.0.2.53:53", 0)), udp(sec, connect("198.51.100.1:514", attempt.ENETUNREACH))}, Unreachable, ""},
		{"interrupted", []*attempt.Life{tcp4(0, connect(dst, attempt.EINTR))}, "", ""},
		{"in progress, over soon", []*attempt.Life{tcp4(598*sec, connect(dst, attempt.EINPROGRESS))}, "", ""},
		{"in progress for long", []*attempt.Life{tcp4(588*sec, connect(dst, attempt.EINPROGRESS))}, TimedOut, ""},
		{"given up after 5 s", []*attempt.Life{tcp4(0, connect(dst, attempt.EINPROGRESS), attempt.Step{Call: attempt.CallClose, Errno: attempt.ECANCELED, Took: 5 * sec})}, TimedOut, ""},
		{"given up at once", []*attempt.Life{tcp4(0, connect(dst, attempt.EINPROGRESS), attempt.Step{Call: attempt.CallClose, Errno: attempt.ECANCELED, Took: sec / 2})}, "", ""},
		{"in progress, refused before", []*attempt.Life{tcp4(0, connect(dst, attempt.ECONNREFUSED)), tcp4(580*sec, connect(dst, attempt.EINPROGRESS))}, Refused, NoteUnanswered},
		{"unseen", []*attempt.Life{tcp4(0, attempt.Step{Call: attempt.CallConnect, How: attempt.Unseen, Address: ap(dst)})}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			findings, notes := investigate(t, nil, ordinary, Options{}, 600*sec, tt.lives...)
			if got := causesOf(findings); got != tt.causes {
				t.Errorf("findings\n got %s\nwant %s\n%+v", got, tt.causes, findings)
			}
			if got := kindsOf(notes); got != tt.notes {
				t.Errorf("notes\n got %s\nwant %s\n%+v", got, tt.notes, notes)
			}
		})
	}
}

func TestAlikeAreCounted(t *testing.T) {
	var lives []*attempt.Life
	for i := range 5 {
		l := tcp4(time.Duration(i)*time.Second, connect("192.0.2.1:80", attempt.ECONNREFUSED))
		l.Process.PID += i // the same command, started again
		lives = append(lives, l)
	}
	findings, _ := investigate(t, nil, ordinary, Options{}, time.Minute, lives...)
	if len(findings) != 1 || findings[0].Count != 5 || findings[0].PID != 123 {
		t.Errorf("got %+v, want one finding of the first process, counted 5 times", findings)
	}
}

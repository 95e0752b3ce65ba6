package diagnose

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// TestWhoCanHaveDenied holds the rules by which deniers are left out; scenes provoke each of them for real.
func TestWhoCanHaveDenied(t *testing.T) {
	none, one := cgroupPrograms{known: true}, cgroupPrograms{known: true, attached: []string{"x"}}
	for name, tt := range map[string]struct {
		d     denial
		p     attempt.Protocol
		errno attempt.Errno
		want  []Denier
		sure  bool
	}{
		"nothing was tried":              {denial{}, attempt.TCP, attempt.EACCES, nil, false},
		"Landlock around":                {denial{tried: true, own: attempt.EACCES, landlock: true, programs: none}, attempt.TCP, attempt.EACCES, []Denier{ByLandlock}, true},
		"UDP is denied too":              {denial{tried: true, own: attempt.EACCES, udp: attempt.EACCES, landlock: true, programs: none}, attempt.TCP, attempt.EACCES, nil, true},
		"Landlock says EACCES":           {denial{tried: true, own: attempt.EPERM, landlock: true, programs: one}, attempt.TCP, attempt.EPERM, []Denier{ByCgroup}, true},
		"two":                            {denial{tried: true, own: attempt.EACCES, landlock: true, programs: one}, attempt.TCP, attempt.EACCES, []Denier{ByCgroup, ByLandlock}, true},
		"who can't ask rules nobody out": {denial{tried: true, own: attempt.EACCES, landlock: true}, attempt.TCP, attempt.EACCES, []Denier{ByCgroup, ByLandlock}, false},
		"the program confined itself":    {denial{tried: true, landlocked: true}, attempt.TCP, attempt.EACCES, []Denier{ByLandlock}, true},
		"by itself, and another cgroup":  {denial{tried: true, landlocked: true, elsewhere: true}, attempt.TCP, attempt.EACCES, []Denier{ByCgroup, ByLandlock}, false},
		"SELinux":                        {denial{tried: true, own: attempt.EACCES, udp: attempt.EACCES, programs: none, label: securityLabel{module: BySELinux}}, attempt.UDP, attempt.EACCES, []Denier{BySELinux}, true},
		"ours ended otherwise":           {denial{tried: true, own: attempt.EADDRINUSE, landlock: true, programs: one}, attempt.TCP, attempt.EACCES, nil, true},
		"a program of the hooks":         {denial{tried: true, own: attempt.EACCES, landlock: true, programs: cgroupPrograms{known: true, lsm: 1}}, attempt.TCP, attempt.EACCES, []Denier{byLSMProg, ByLandlock}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, sure := tt.d.by(tt.p, tt.errno)
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) || sure != tt.sure {
				t.Errorf("got %q, %v\nwant %q, %v", got, sure, tt.want, tt.sure)
			}
		})
	}
}

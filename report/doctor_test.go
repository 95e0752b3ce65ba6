package report

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/internal/doctor"
)

// doctorReports are reports as they come from machines, cut down to a check of each kind.
var doctorReports = map[string]*doctor.Report{
	"fully": {
		Run: doctor.Fully,
		Checks: []doctor.Check{
			{Name: doctor.Kernel, OK: doctor.Yes, Reason: "Linux 6.18.44"},
			{Name: doctor.Duplicate, OK: doctor.Yes, Reason: "a child's descriptor was duplicated"},
		},
		Facts: []doctor.Fact{{Name: "container", Value: "no sign of one"}},
	},
	"injection": {
		Run:     doctor.ByInjection,
		Because: []string{"duplicate descriptors (pidfd_getfd): operation not permitted (EPERM): a seccomp filter around this process refuses the call"},
		Change:  []string{"docker run --cap-add SYS_PTRACE (in Kubernetes: securityContext.capabilities.add: [SYS_PTRACE])"},
		Checks: []doctor.Check{
			{Name: doctor.Kernel, OK: doctor.Yes, Reason: "Linux 6.18.44"},
			{
				Name: doctor.Duplicate, OK: doctor.No, Reason: "operation not permitted (EPERM): a seccomp filter around this process refuses the call",
				Change: "docker run --cap-add SYS_PTRACE (in Kubernetes: securityContext.capabilities.add: [SYS_PTRACE])",
			},
			{Name: doctor.Inject, OK: doctor.Yes, Reason: "a socket was put into a child"},
		},
		Facts: []doctor.Fact{
			{Name: "container", Value: "Docker (/.dockerenv)"},
			{Name: "seccomp", Value: "a filter around this process refuses pidfd_getfd, unshare, clone3, keyctl: like the default profile of Docker and containerd"},
		},
	},
	"not-at-all": {
		Because: []string{"no other supervisor around us: device or resource busy (EBUSY): a filter around this process already has a listener, and the kernel takes one"},
		Change:  []string{"start sallyport outside of what supervises it: another sallyport run, a container with a seccomp agent, systemd-nspawn, LXD"},
		Checks: []doctor.Check{
			{Name: doctor.Notification, Reason: "hidden by the other supervisor's filter"},
			{Name: doctor.Outer, OK: doctor.No, Reason: "device or resource busy (EBUSY): a filter around this process already has a listener, and the kernel takes one"},
		},
	},
	"no-linux": {
		Because: []string{"kernel: sallyport run watches a program by a Linux kernel interface, and this is darwin"},
		Change:  []string{"run it on Linux, or in a Linux container or virtual machine"},
	},
}

// The golden files are rewritten where UPDATE_GOLDEN is set.
func TestDoctor(t *testing.T) {
	renderers := map[string]func(io.Writer, *doctor.Report) error{".txt": Doctor, ".json": DoctorJSON}
	for name, r := range doctorReports {
		for ext, render := range renderers {
			t.Run(name+ext, func(t *testing.T) {
				var got bytes.Buffer
				if err := render(&got, r); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("testdata", "doctor", name+ext)
				if os.Getenv("UPDATE_GOLDEN") != "" {
					if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
				}
			})
		}
	}
}

func TestDoctorWriteError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer full.Close()
	if err := Doctor(full, doctorReports["injection"]); err == nil {
		t.Error("text: no error where nothing can be written")
	}
	if err := DoctorJSON(full, doctorReports["injection"]); err == nil {
		t.Error("JSON: no error where nothing can be written")
	}
}

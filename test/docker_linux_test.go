package test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestDockerDefault runs programs under Docker's own seccomp profile with the capabilities that Docker leaves them, where
// pidfd_getfd is forbidden, and sallyport works by socket injection.
func TestDockerDefault(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Nginx(p.Server)
	bin := testhost.PublicCopy(t, sallyport(t))
	inDocker := func(t *testing.T, c testhost.Container, argv ...string) testhost.Result {
		return p.Client.With(t).Run(clientTimeout, "", testhost.DockerDefault(t, c, argv...).Args...)
	}
	for _, user := range []struct {
		name string
		c    testhost.Container
	}{{"root", testhost.Container{}}, {"nobody", testhost.Container{UID: 65534, NoNewPrivs: true}}} {
		t.Run(user.name, func(t *testing.T) {
			curl := []string{"curl", "-sS", "--interface", source4, "--max-time", "5", "http://" + server4 + "/"}
			t.Run("finding", func(t *testing.T) {
				got := inDocker(t, user.c, append([]string{bin, "run", "--profile", "connect-only-landlock", "--"}, curl...)...)
				if got.Status != 45 || !strings.Contains(got.Stderr, "sallyport: bind-denied: curl") {
					t.Errorf("%+v\nwant exit status 45 and bind-denied", got)
				}
			})
			t.Run("refused", func(t *testing.T) {
				got := inDocker(t, user.c, bin, "run", "--", "curl", "-sS", "http://"+server4+":81/")
				if got.Status != 7 || !strings.Contains(got.Stderr, "sallyport: refused: curl") || !strings.Contains(got.Stderr, "ECONNREFUSED") {
					t.Errorf("%+v\nwant exit status 7 and refused", got)
				}
			})
			t.Run("without-bind", func(t *testing.T) {
				got := inDocker(t, user.c, append([]string{bin, "run", "--without-bind", "--profile", "connect-only-landlock", "--"}, curl...)...)
				if want := "peer 172.16.6.170 "; got.Status != 0 || !strings.Contains(got.Stdout, want) {
					t.Errorf("%+v\nwant exit status 0 and %q", got, want)
				}
			})
			t.Run("transparency", func(t *testing.T) {
				program := testhost.PublicCopy(t, transparencyProgram(t))
				want := inDocker(t, user.c, program)
				got := inDocker(t, user.c, bin, "run", "--no-counterfactuals", "--", program)
				if n := strings.Count(want.Stdout, "\n"); n < 100 {
					t.Fatalf("bare: %d lines\n%s%s", n, want.Stdout, want.Stderr)
				}
				compareLines(t, got.Stdout, want.Stdout, nil)
			})
		})
	}
}

package supervise

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Exit statuses of a program that could not be executed, as env(1) has them.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
)

// LookPath finds the file that a command names, as execvp(3) does: a name without a slash in PATH, the first that
// may be executed. The error says what is wrong; the status is 127 where there is no such file, 126 where it may not be executed.
func LookPath(name string) (path string, status int, err error) {
	if name == "" {
		return "", statusNotFound, errors.New("the command is empty")
	}
	if strings.Contains(name, "/") {
		status, err := executable(name)
		if errors.Is(err, unix.ENOTDIR) {
			status = statusNotExecutable // as env(1) and shells have it; in PATH it is passed over
		}
		return name, status, err
	}
	status = statusNotFound
	err = fmt.Errorf("%s: command not found", name)
	search, set := os.LookupEnv("PATH")
	if !set {
		search = "/bin:/usr/bin"
	}
	for dir := range strings.SplitSeq(search, ":") {
		if dir == "" {
			dir = "."
		}
		p := dir + "/" + name
		s, e := executable(p)
		if e == nil {
			return p, 0, nil
		}
		if s == statusNotExecutable && status == statusNotFound {
			status, err = s, e
		}
	}
	return "", status, err
}

func executable(path string) (int, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return statusNotFound, fmt.Errorf("%s: no such file", path)
	case errors.Is(err, unix.ENOTDIR):
		return statusNotFound, fmt.Errorf("%s: %w", path, unix.ENOTDIR)
	case err != nil:
		return statusNotExecutable, err
	case st.IsDir():
		return statusNotExecutable, fmt.Errorf("%s: is a directory", path)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return statusNotExecutable, fmt.Errorf("%s: not executable: %w", path, err)
	}
	return 0, nil
}

// LosesRights says, in words, which rights of the file a program would lose by being run under watch; "" for none. That is
// so where we lack CAP_SYS_ADMIN, so that no_new_privs must be set (prctl(2)).
func LosesRights(path string) string {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if unix.Capget(&hdr, &caps[0]) == nil && caps[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return ""
	}
	st, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if st.Mode()&os.ModeSetuid != 0 {
		return "setuid"
	}
	if st.Mode()&os.ModeSetgid != 0 {
		return "setgid"
	}
	if n, err := unix.Getxattr(path, "security.capability", nil); err == nil && n > 0 {
		return "given file capabilities"
	}
	return ""
}

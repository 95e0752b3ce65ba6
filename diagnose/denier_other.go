//go:build !linux

package diagnose

func landlockRestrictsTCP() bool { return false }

func bindPrograms(string) cgroupPrograms { return cgroupPrograms{} }

func cgroupPath(string) string { return "" }

func ownCgroup() string { return "" }

func labelOf(int) securityLabel { return securityLabel{} }

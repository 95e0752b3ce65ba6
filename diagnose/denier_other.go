//go:build !linux

package diagnose

func landlockRestrictsTCP() bool { return false }

func bindPrograms(int) (cgroupPrograms, bool) { return cgroupPrograms{}, false }

func labelOf(int) securityLabel { return securityLabel{} }

// Package kubernetes pins the version of Kubernetes whose API server and controllers take part, and whose tests of NetworkPolicy are run.
// It is a module of its own, so that all of it is built with the dependencies that Kubernetes has published it with.
package kubernetes

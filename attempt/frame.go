package attempt

// Frame is one line of a call stack.
type Frame struct {
	File     string // as the program itself knows it
	Line     int    // counted from 1; 0 where it is not known
	Function string // "" where it is not known
	Standard bool   // of the language's own library, not of the program or of a library that it chose
	Text     string // the line of source, without the blanks around it; "" where the file could not be read
}

/** The process: roles, command line, logging, exit codes. May import: everything. */
@NullMarked
package io.passatelli.app;

import org.jspecify.annotations.NullMarked;

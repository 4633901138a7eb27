/** The one door for whoever operates a home: commands, schedules and requests. */
@NullMarked
package org.stateferry.installation;

import org.jspecify.annotations.NullMarked;

/** What the service offers over HTTP, and who may use it: logins, the operator's interface, events. */
@NullMarked
package org.stateferry.web;

import org.jspecify.annotations.NullMarked;

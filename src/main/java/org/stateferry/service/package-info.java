/** The long-running service: job definitions, schedules, health and metrics. */
@NullMarked
package org.stateferry.service;

import org.jspecify.annotations.NullMarked;

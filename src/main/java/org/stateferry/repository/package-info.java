/** The job repository as we use it: job parameters, history, recovery and pruning. */
@NullMarked
package org.stateferry.repository;

import org.jspecify.annotations.NullMarked;

/** The sign of the colony: an ant, plainly. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="8.5" r="3" />
      <circle cx="16" cy="15.5" r="3.4" />
      <ellipse cx="16" cy="23.5" rx="4" ry="5" />
      <path d="M16 15 7.5 11M16 15l8.5-4M16 16H6.5M16 16h9.5M16 17l-8.5 5M16 17l8.5 5" />
    </svg>
  );
}

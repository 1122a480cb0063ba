-- The service composes what it searches by from now on (Normalization Form C): what is stored already follows.
UPDATE profiles SET search_text = normalize(search_text, NFC) WHERE search_text IS NOT NFC NORMALIZED;
